CREATE INDEX "audit_piped" ON "audit" USING btree (("target" ->> 'piped'),"seq");--> statement-breakpoint
CREATE INDEX "audit_action" ON "audit" USING btree ("action","seq");--> statement-breakpoint
CREATE INDEX "audit_at" ON "audit" USING btree ("at");--> statement-breakpoint
CREATE INDEX "pipeds_named" ON "pipeds" USING btree ("piped","project");--> statement-breakpoint
CREATE INDEX "pipeds_disabled" ON "pipeds" USING btree ("project","piped") WHERE "pipeds"."status" = 'disabled';