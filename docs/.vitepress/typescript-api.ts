import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Application, type DeclarationReflection, type LogLevel, ReflectionKind, type TypeDocOptions } from 'typedoc';
import { repoRoot } from './pages.ts';

/** Where the pages are written; nobody commits them. */
export const apiFolder = join(repoRoot, 'docs', 'reference', 'typescript');

interface EntryPoint {
  /** As one imports it: `@spanpass/tracing/durable`. */
  readonly name: string;
  /** From the root of the repository: `packages/tracing/dist/durable/index.d.ts`. */
  readonly types: string;
}

/** All that a package says can be imported of it. */
export function entryPoints(): EntryPoint[] {
  return readdirSync(join(repoRoot, 'packages')).flatMap(room => {
    const manifest = JSON.parse(readFileSync(join(repoRoot, 'packages', room, 'package.json'), 'utf8')) as {
      name: string;
      exports?: Record<string, { types?: string }>;
    };
    return Object.entries(manifest.exports ?? {}).flatMap(([path, { types }]) =>
      types === undefined ? [] : [{ name: manifest.name + path.slice(1), types: join('packages', room, types) }],
    );
  });
}

/** Writes a page for each entry point, made from the declarations that the packages ship. */
export async function writeTypeScriptApi(): Promise<void> {
  const points = entryPoints();
  const unbuilt = points.filter(({ types }) => !existsSync(join(repoRoot, types)));
  if (unbuilt.length > 0) throw new Error(`Build the packages first (npm run build): ${unbuilt[0]?.types} is missing`);
  const options: TypeDocOptions & Record<string, unknown> = {
    entryPoints: points.map(({ types }) => join(repoRoot, types)),
    tsconfig: join(repoRoot, 'docs', 'typedoc.tsconfig.json'),
    plugin: ['typedoc-plugin-markdown'],
    readme: 'none',
    // What they are made of was checked when it was built.
    skipErrorChecking: true,
    name: 'TypeScript API',
    disableSources: true,
    excludeExternals: true,
    logLevel: 'Warn' as unknown as LogLevel,
    basePath: repoRoot,
    out: apiFolder,
    entryFileName: 'README',
    outputFileStrategy: 'modules',
    flattenOutputFiles: true,
    hidePageHeader: true,
    hideBreadcrumbs: true,
    useCodeBlocks: true,
    useHTMLAnchors: true,
    expandObjects: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    propertiesFormat: 'table',
    typeDeclarationFormat: 'table',
    sanitizeComments: true,
  };
  const app = await Application.bootstrapWithPlugins(options as TypeDocOptions);
  const project = await app.convert();
  if (!project) throw new Error('The TypeScript API could not be read');
  for (const module of project.getReflectionsByKind(ReflectionKind.Module) as DeclarationReflection[]) {
    const built = `${module.name}/index.d.ts`;
    const point = points.find(({ types }) => types === built || types === `packages/${built}`);
    if (!point) throw new Error(`No package says that ${module.name} can be imported`);
    module.name = point.name;
  }
  await rm(apiFolder, { recursive: true, force: true });
  await app.generateOutputs(project);
}
