CREATE TABLE "finished_sign_ins" (
	"state_hash" text PRIMARY KEY NOT NULL,
	"forget_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "sessions" ALTER COLUMN "token_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "audit" ADD COLUMN "person" jsonb;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "person_id" text;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "person" jsonb;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "role" text;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "projects" text[];--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "rules_id" text;--> statement-breakpoint
CREATE INDEX "finished_sign_ins_forget_at" ON "finished_sign_ins" USING btree ("forget_at");--> statement-breakpoint
CREATE INDEX "sessions_person" ON "sessions" USING btree ("person_id","created_at");--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_whose" CHECK (num_nonnulls("sessions"."token_id", "sessions"."person_id") = 1
        and num_nulls("sessions"."person_id", "sessions"."person", "sessions"."role", "sessions"."rules_id") in (0, 4)
        and coalesce("sessions"."role", 'viewer') in ('owner', 'project-admin', 'viewer'));