INSERT INTO "counter" ("id", "revision", "audit_seq") VALUES (1, 0, 0);
