import type { Attributes } from '@opentelemetry/api';
import type { ApprovalDetails, DeploymentInfo, StageInfo } from './api.ts';
import { CONVENTION, OWN, SPAN_PLAN, TAG } from './names.ts';
import { message } from './text.ts';

/** On every span of the deployment. */
export function deploymentTags({ id, application, pageUrl, environment }: DeploymentInfo): Attributes {
  return present({
    [TAG.applicationId]: application.id,
    [TAG.applicationKind]: application.kind,
    [TAG.deploymentId]: id,
    [CONVENTION.pipelineName]: pipelineName(application),
    [CONVENTION.pipelineRunId]: id,
    [CONVENTION.pipelineRunUrl]: pageUrl,
    [CONVENTION.deploymentId]: id,
    [CONVENTION.deploymentName]: application.name,
    [CONVENTION.deploymentEnvironment]: environment,
  });
}

/** A deployment is one run of its application's pipeline. */
export function pipelineName(application: DeploymentInfo['application']): string {
  return application.name ?? application.id;
}

/** On the root span. */
export function rootAttributes(info: DeploymentInfo): Attributes {
  return { ...info.attributes, ...labels(info.labels), ...deploymentTags(info) };
}

/** On a stage's span and on all that hangs below it. */
export function stageTags({ id, name }: StageInfo): Attributes {
  return { [TAG.stageName]: name, [TAG.stageId]: id };
}

/** On a stage's span alone. */
export function stageAttributes(stage: StageInfo): Attributes {
  return {
    ...stage.attributes,
    ...present({
      [CONVENTION.taskName]: stage.name,
      [CONVENTION.taskRunId]: stage.id,
      [CONVENTION.taskRunUrl]: stage.pageUrl,
      [OWN.rollback]: stage.rollback ? true : undefined,
    }),
  };
}

export function planAttributes(): Attributes {
  return { [CONVENTION.taskName]: SPAN_PLAN };
}

export function approvalAttributes({ by, approvers, required, comment }: ApprovalDetails): Attributes {
  return present({
    [OWN.approvalBy]: by,
    [OWN.approvers]: approvers && [...approvers],
    [OWN.approvalsRequired]: required,
    [OWN.comment]: comment === undefined ? undefined : message(comment),
  });
}

/** Sorted: PipeCD's own order changes from run to run, and a text that changes cannot be searched for. */
function labels(given: DeploymentInfo['labels'] = {}): Attributes {
  const pairs = Object.entries(given).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? {} : { [TAG.labels]: pairs.sort().join(',') };
}

function present(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}
