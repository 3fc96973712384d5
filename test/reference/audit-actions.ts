import { AUDIT_ACTIONS } from '@spanpass/control-plane/client';

/** What can be done, as the audit names it: for the console, which imports nothing of ours. */
export function auditActionsAsData(): string {
  return `${JSON.stringify(AUDIT_ACTIONS, undefined, 2)}\n`;
}
