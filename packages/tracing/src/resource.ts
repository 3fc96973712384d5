import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { RESOURCE } from './names.ts';

/** Who a span comes from. The gateway stamps project and piped again, from the credential, so a lie gets nobody far. */
export function pipedResource(
  identity: { readonly project: string; readonly piped: string; readonly version: string },
  more?: Resource,
): Resource {
  const described = defaultResource().merge(detectResources({ detectors: [envDetector] }));
  return described.merge(more ?? null).merge(
    resourceFromAttributes({
      [RESOURCE.serviceName]: 'piped',
      [RESOURCE.serviceVersion]: identity.version,
      [RESOURCE.serviceNamespace]: identity.project,
      [RESOURCE.serviceInstanceId]: identity.piped,
      [RESOURCE.projectId]: identity.project,
      [RESOURCE.pipedId]: identity.piped,
    }),
  );
}
