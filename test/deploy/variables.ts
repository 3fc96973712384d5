import { environmentName } from 'spanpass/settings';
import { jsonSchemaOf } from '../reference/json-schema.ts';

/** Names of the environment variables in which a command looks for its settings. */
export function variablesOf(schema: Parameters<typeof jsonSchemaOf>[0]): string[] {
  return Object.keys(jsonSchemaOf(schema).properties ?? {}).map(environmentName);
}
