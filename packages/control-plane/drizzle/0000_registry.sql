CREATE TABLE "access_tokens" (
	"id" text PRIMARY KEY NOT NULL,
	"role" text NOT NULL,
	"token_hash" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "access_tokens_token_hash_unique" UNIQUE("token_hash"),
	CONSTRAINT "access_tokens_role" CHECK ("access_tokens"."role" in ('admin', 'auth-server'))
);
--> statement-breakpoint
CREATE TABLE "audit" (
	"seq" bigint PRIMARY KEY NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"role" text NOT NULL,
	"token_id" text,
	"peer_address" text,
	"action" text NOT NULL,
	"target" jsonb NOT NULL,
	"revision" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "changes" (
	"revision" bigint PRIMARY KEY NOT NULL,
	"body" jsonb NOT NULL,
	"at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "counter" (
	"id" smallint PRIMARY KEY NOT NULL,
	"revision" bigint NOT NULL,
	"audit_seq" bigint NOT NULL,
	CONSTRAINT "counter_one_row" CHECK ("counter"."id" = 1)
);
--> statement-breakpoint
CREATE TABLE "enrollment_tokens" (
	"id" text PRIMARY KEY NOT NULL,
	"token_hash" text NOT NULL,
	"project" text NOT NULL,
	"piped" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"used_kid" text,
	"used_at" timestamp with time zone,
	CONSTRAINT "enrollment_tokens_token_hash_unique" UNIQUE("token_hash")
);
--> statement-breakpoint
CREATE TABLE "keys" (
	"kid" text PRIMARY KEY NOT NULL,
	"project" text NOT NULL,
	"piped" text NOT NULL,
	"alg" text NOT NULL,
	"public_jwk" jsonb NOT NULL,
	"status" text NOT NULL,
	"not_before" bigint NOT NULL,
	"not_after" bigint NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"revision" bigint NOT NULL,
	CONSTRAINT "keys_status" CHECK ("keys"."status" in ('active', 'retired', 'revoked'))
);
--> statement-breakpoint
CREATE TABLE "pipeds" (
	"project" text NOT NULL,
	"piped" text NOT NULL,
	"status" text NOT NULL,
	"scopes" text[] NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"revision" bigint NOT NULL,
	CONSTRAINT "pipeds_project_piped_pk" PRIMARY KEY("project","piped"),
	CONSTRAINT "pipeds_status" CHECK ("pipeds"."status" in ('active', 'disabled'))
);
--> statement-breakpoint
CREATE TABLE "projects" (
	"project" text PRIMARY KEY NOT NULL,
	"status" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"revision" bigint NOT NULL,
	CONSTRAINT "projects_status" CHECK ("projects"."status" in ('active', 'disabled'))
);
--> statement-breakpoint
ALTER TABLE "enrollment_tokens" ADD CONSTRAINT "enrollment_tokens_used_kid_keys_kid_fk" FOREIGN KEY ("used_kid") REFERENCES "public"."keys"("kid") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "enrollment_tokens" ADD CONSTRAINT "enrollment_tokens_project_piped_pipeds_project_piped_fk" FOREIGN KEY ("project","piped") REFERENCES "public"."pipeds"("project","piped") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "keys" ADD CONSTRAINT "keys_project_piped_pipeds_project_piped_fk" FOREIGN KEY ("project","piped") REFERENCES "public"."pipeds"("project","piped") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "pipeds" ADD CONSTRAINT "pipeds_project_projects_project_fk" FOREIGN KEY ("project") REFERENCES "public"."projects"("project") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "enrollment_tokens_piped" ON "enrollment_tokens" USING btree ("project","piped");--> statement-breakpoint
CREATE INDEX "keys_piped" ON "keys" USING btree ("project","piped");