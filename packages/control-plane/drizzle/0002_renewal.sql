CREATE TABLE "used_renewals" (
	"kid" text NOT NULL,
	"jti" text NOT NULL,
	"forget_at" timestamp with time zone NOT NULL,
	CONSTRAINT "used_renewals_kid_jti_pk" PRIMARY KEY("kid","jti")
);
--> statement-breakpoint
ALTER TABLE "keys" ADD COLUMN "superseded_by" text;--> statement-breakpoint
ALTER TABLE "used_renewals" ADD CONSTRAINT "used_renewals_kid_keys_kid_fk" FOREIGN KEY ("kid") REFERENCES "public"."keys"("kid") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "used_renewals_forget_at" ON "used_renewals" USING btree ("forget_at");--> statement-breakpoint
ALTER TABLE "keys" ADD CONSTRAINT "keys_superseded_by_keys_kid_fk" FOREIGN KEY ("superseded_by") REFERENCES "public"."keys"("kid") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "keys_to_retire" ON "keys" USING btree ("not_after") WHERE "keys"."superseded_by" is not null and "keys"."status" = 'active';