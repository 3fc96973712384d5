import type { Yaml } from '../yaml.ts';

const prefix = 'type.googleapis.com/';

/** A `google.protobuf.Any` in YAML: Envoy's extensions are configured by message type. */
export function typed<Fields extends { readonly [key: string]: Yaml }>(type: string, fields: Fields) {
  return { '@type': prefix + type, ...fields };
}

/** An extension by name, with its configuration. */
export function extension<Fields extends { readonly [key: string]: Yaml }>(name: string, type: string, fields: Fields) {
  return { name, typed_config: typed(type, fields) };
}

/** A `google.protobuf.Duration` in YAML. */
export function duration(ms: number): string {
  return `${ms / 1000}s`;
}
