ALTER TABLE "audit" ADD COLUMN "hash" text;--> statement-breakpoint
ALTER TABLE "counter" ADD COLUMN "audit_hash" text DEFAULT '0000000000000000000000000000000000000000000000000000000000000000' NOT NULL;--> statement-breakpoint
-- Rows from before the chain get their hashes, in the encoding of src/audit/row-hash.ts.
DO $$
DECLARE
	entry record;
	field text;
	encoded text;
	chained text := repeat('0', 64);
BEGIN
	FOR entry IN SELECT * FROM "audit" ORDER BY "seq" LOOP
		encoded := '';
		FOREACH field IN ARRAY ARRAY[
			'spanpass-audit-1', chained, entry."seq"::text, floor(extract(epoch FROM entry."at") * 1000)::bigint::text,
			entry."role", entry."token_id", entry."peer_address", entry."action", entry."revision"::text
		] || coalesce(
			(SELECT array_agg(part.value ORDER BY pair.key COLLATE "C", part.place)
				FROM jsonb_each_text(entry."target") AS pair,
				LATERAL (VALUES (1, pair.key), (2, pair.value)) AS part (place, value)),
			'{}'::text[]
		) LOOP
			encoded := encoded || CASE WHEN field IS NULL THEN '-,' ELSE octet_length(field) || ':' || field || ',' END;
		END LOOP;
		chained := encode(sha256(convert_to(encoded, 'UTF8')), 'hex');
		UPDATE "audit" SET "hash" = chained WHERE "seq" = entry."seq";
	END LOOP;
	UPDATE "counter" SET "audit_hash" = chained;
END $$;--> statement-breakpoint
ALTER TABLE "audit" ALTER COLUMN "hash" SET NOT NULL;--> statement-breakpoint
CREATE FUNCTION "audit_is_append_only"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'audit rows are added, and never changed or removed' USING ERRCODE = 'restrict_violation';
END $$;--> statement-breakpoint
CREATE TRIGGER "audit_rows_stay" BEFORE UPDATE OR DELETE ON "audit" FOR EACH ROW EXECUTE FUNCTION "audit_is_append_only"();--> statement-breakpoint
CREATE TRIGGER "audit_stays" BEFORE TRUNCATE ON "audit" FOR EACH STATEMENT EXECUTE FUNCTION "audit_is_append_only"();
