import { idSchema } from '@spanpass/credential';
import { z } from 'zod';
import { setProjectStatus } from '../../registry/projects.ts';
import { projectSchema } from '../../wire/pipeds.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import { ADMIN, type App, actorOf, type Context } from '../context.ts';
import { BEARER } from '../openapi.ts';

/** Disabling a project is reversible, and shuts out all of its pipeds at once. */
export function projectRoutes(app: App, { registry }: Context): void {
  for (const [verb, status] of [
    ['disable', 'disabled'],
    ['enable', 'active'],
  ] as const) {
    const schema = {
      summary: `${verb === 'disable' ? 'Disables' : 'Enables'} a project. Repeatable.`,
      tags: ['projects'],
      security: BEARER,
      params: z.object({ project: idSchema }),
      response: { 200: projectSchema, ...PROBLEM_RESPONSES },
    };
    app.post(`/v1/projects/:project/${verb}`, { config: { access: ADMIN }, schema }, async request =>
      setProjectStatus(registry, actorOf(request), request.params.project, status),
    );
  }
}
