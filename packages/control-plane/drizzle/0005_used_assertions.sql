CREATE TABLE "used_assertions" (
	"kid" text NOT NULL,
	"jti" text NOT NULL,
	"forget_at" timestamp with time zone NOT NULL,
	CONSTRAINT "used_assertions_kid_jti_pk" PRIMARY KEY("kid","jti")
);
--> statement-breakpoint
ALTER TABLE "used_assertions" ADD CONSTRAINT "used_assertions_kid_keys_kid_fk" FOREIGN KEY ("kid") REFERENCES "public"."keys"("kid") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "used_assertions_forget_at" ON "used_assertions" USING btree ("forget_at");