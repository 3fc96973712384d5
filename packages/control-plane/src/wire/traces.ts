import { z } from 'zod';

/** One deployment, as its trace tells it. */
export const deploymentSchema = z.object({
  traceId: z.string(),
  /** The span that covers all of it, or the earliest one. */
  name: z.string(),
  /** From the resource, where the gateway stamps it; empty where it does not. */
  project: z.string(),
  piped: z.string(),
  /** Of the piped, as it says itself. */
  version: z.string(),
  deploymentId: z.string(),
  application: z.string(),
  /** Milliseconds since 1970. */
  startedAtMs: z.number(),
  durationMs: z.number(),
  /** `running`: its root span has not come yet. */
  outcome: z.enum(['success', 'failed', 'running']),
  spans: z.number().int(),
});

export type Deployment = z.infer<typeof deploymentSchema>;

export const deploymentListSchema = z.object({ items: z.array(deploymentSchema) });

const spanSchema = z.object({
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  startedAtMs: z.number(),
  durationMs: z.number(),
  failed: z.boolean(),
  attributes: z.record(z.string(), z.string()),
});

export type TraceSpan = z.infer<typeof spanSchema>;

export const traceSchema = z.object({ deployment: deploymentSchema, spans: z.array(spanSchema) });

export type Trace = z.infer<typeof traceSchema>;
