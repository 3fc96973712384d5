CREATE TABLE "idempotent_calls" (
	"token_id" text NOT NULL,
	"key" text NOT NULL,
	"request_hash" text NOT NULL,
	"kept" jsonb NOT NULL,
	"at" timestamp with time zone NOT NULL,
	CONSTRAINT "idempotent_calls_token_id_key_pk" PRIMARY KEY("token_id","key")
);
--> statement-breakpoint
CREATE TABLE "key_use" (
	"kid" text PRIMARY KEY NOT NULL,
	"last_used_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "piped_refusals" (
	"project" text NOT NULL,
	"piped" text NOT NULL,
	"verified" boolean NOT NULL,
	"count" bigint NOT NULL,
	"last_reason" text NOT NULL,
	"last_at" timestamp with time zone NOT NULL,
	CONSTRAINT "piped_refusals_project_piped_verified_pk" PRIMARY KEY("project","piped","verified")
);
--> statement-breakpoint
ALTER TABLE "access_tokens" DROP CONSTRAINT "access_tokens_role";--> statement-breakpoint
DROP INDEX "keys_to_retire";--> statement-breakpoint
ALTER TABLE "access_tokens" ADD COLUMN "name" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "access_tokens" ADD COLUMN "projects" text[];--> statement-breakpoint
ALTER TABLE "access_tokens" ADD COLUMN "settled" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "access_tokens" ADD COLUMN "expires_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "access_tokens" ADD COLUMN "revoked_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "access_tokens" ADD COLUMN "last_used_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "keys" ADD COLUMN "overlap_ends_at" bigint;--> statement-breakpoint
UPDATE "access_tokens" SET "settled" = true, "name" = "role" || '-token';--> statement-breakpoint
UPDATE "access_tokens" SET "role" = 'owner' WHERE "role" = 'admin';--> statement-breakpoint
UPDATE "audit" SET "role" = 'owner' WHERE "role" = 'admin';--> statement-breakpoint
UPDATE "keys" SET "overlap_ends_at" = "not_after" WHERE "superseded_by" IS NOT NULL;--> statement-breakpoint
ALTER TABLE "key_use" ADD CONSTRAINT "key_use_kid_keys_kid_fk" FOREIGN KEY ("kid") REFERENCES "public"."keys"("kid") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "piped_refusals" ADD CONSTRAINT "piped_refusals_project_piped_pipeds_project_piped_fk" FOREIGN KEY ("project","piped") REFERENCES "public"."pipeds"("project","piped") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "idempotent_calls_at" ON "idempotent_calls" USING btree ("at");--> statement-breakpoint
CREATE INDEX "access_tokens_listed" ON "access_tokens" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "audit_project" ON "audit" USING btree (("target" ->> 'project'),"seq");--> statement-breakpoint
CREATE INDEX "keys_to_retire" ON "keys" USING btree ("overlap_ends_at") WHERE "keys"."superseded_by" is not null and "keys"."status" = 'active';--> statement-breakpoint
ALTER TABLE "access_tokens" ADD CONSTRAINT "access_tokens_projects" CHECK ("access_tokens"."role" <> 'project-admin' or "access_tokens"."projects" is not null);--> statement-breakpoint
ALTER TABLE "access_tokens" ADD CONSTRAINT "access_tokens_role" CHECK ("access_tokens"."role" in ('owner', 'project-admin', 'viewer', 'auth-server'));