CREATE TABLE "pipecd_keys" (
	"project" text NOT NULL,
	"piped" text NOT NULL,
	"hashes" text[] NOT NULL,
	CONSTRAINT "pipecd_keys_project_piped_pk" PRIMARY KEY("project","piped"),
	CONSTRAINT "pipecd_keys_hashes" CHECK (cardinality("pipecd_keys"."hashes") between 1 and 2)
);
--> statement-breakpoint
CREATE TABLE "piped_use" (
	"project" text NOT NULL,
	"piped" text NOT NULL,
	"authenticator" text NOT NULL,
	"last_used_at" timestamp with time zone NOT NULL,
	CONSTRAINT "piped_use_project_piped_authenticator_pk" PRIMARY KEY("project","piped","authenticator")
);
--> statement-breakpoint
ALTER TABLE "pipecd_keys" ADD CONSTRAINT "pipecd_keys_project_piped_pipeds_project_piped_fk" FOREIGN KEY ("project","piped") REFERENCES "public"."pipeds"("project","piped") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "piped_use" ADD CONSTRAINT "piped_use_project_piped_pipeds_project_piped_fk" FOREIGN KEY ("project","piped") REFERENCES "public"."pipeds"("project","piped") ON DELETE no action ON UPDATE no action;