/**
 * Every name that reaches the wire, in one place. The conventions' CI/CD names are still in development, so they are
 * pinned here as text instead of imported; a test holds them against the installed `@opentelemetry/semantic-conventions`.
 */

export const SCOPE_NAME = '@spanpass/tracing';
export const SCOPE_VERSION = '0.1.0';
/** The release of the semantic conventions that the pinned names come from. */
export const SCHEMA_URL = 'https://opentelemetry.io/schemas/1.45.0';

export const SPAN_DEPLOY = 'Deploy';
export const SPAN_PLAN = 'Plan';

/** The names that PipeCD's RFC gives to tags, on every span of a deployment. */
export const TAG = {
  applicationId: 'application-id',
  applicationKind: 'application-kind',
  deploymentId: 'deployment-id',
  stageName: 'stage-name',
  stageId: 'stage-id',
  labels: 'labels',
} as const;

/** Identity, on the resource only. */
export const RESOURCE = {
  serviceName: 'service.name',
  serviceVersion: 'service.version',
  serviceNamespace: 'service.namespace',
  serviceInstanceId: 'service.instance.id',
  projectId: 'project-id',
  pipedId: 'piped-id',
} as const;

/** Semantic conventions. */
export const CONVENTION = {
  pipelineName: 'cicd.pipeline.name',
  pipelineResult: 'cicd.pipeline.result',
  pipelineRunId: 'cicd.pipeline.run.id',
  pipelineRunState: 'cicd.pipeline.run.state',
  pipelineRunUrl: 'cicd.pipeline.run.url.full',
  taskName: 'cicd.pipeline.task.name',
  taskRunId: 'cicd.pipeline.task.run.id',
  taskRunResult: 'cicd.pipeline.task.run.result',
  taskRunUrl: 'cicd.pipeline.task.run.url.full',
  deploymentId: 'deployment.id',
  deploymentName: 'deployment.name',
  deploymentStatus: 'deployment.status',
  deploymentEnvironment: 'deployment.environment.name',
  errorType: 'error.type',
} as const;

/** What neither the RFC nor the conventions have a word for. */
export const OWN = {
  reason: 'spanpass.reason',
  rollback: 'spanpass.stage.rollback',
  approvers: 'spanpass.approval.approvers',
  approvalsRequired: 'spanpass.approval.required',
  approvalBy: 'spanpass.approval.by',
  comment: 'spanpass.approval.comment',
} as const;

export const EVENT = {
  resumed: 'deployment.resumed',
  interrupted: 'deployment.interrupted',
  approvalRequested: 'approval.requested',
  approvalGranted: 'approval.granted',
  approvalDenied: 'approval.denied',
} as const;

export const METRIC = {
  runDuration: 'cicd.pipeline.run.duration',
  stageDuration: 'spanpass.stage.duration',
} as const;
