import { useAbout, useDeployments } from '../api/queries.ts';

const MONTH = 30 * 86_400;

/** As the newest deployment of the piped says, where deployments can be asked for. */
export function Version({ project, piped }: { project: string; piped: string }) {
  const { data: about } = useAbout();
  return about?.traces ? <OfTraces project={project} piped={piped} /> : 'not known';
}

function OfTraces({ project, piped }: { project: string; piped: string }) {
  const { data } = useDeployments(MONTH);
  const newest = data?.items.find(found => found.project === project && found.piped === piped && found.version !== '');
  return newest?.version ?? 'not known';
}
