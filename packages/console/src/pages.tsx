import { lazy, Suspense } from 'react';
import { Route, Switch } from 'wouter';
import { AuditPage } from './audit/audit-page.tsx';
import { PipedPage } from './piped/piped-page.tsx';
import { PipedsPage } from './pipeds/pipeds-page.tsx';
import { ProjectsPage } from './projects/projects-page.tsx';
import { RegisterPage } from './register/register-page.tsx';
import { SettingsPage } from './settings/settings-page.tsx';
import { Awaited, Page } from './shell/page.tsx';
import { TokensPage } from './tokens/tokens-page.tsx';

// With the charts, which most visits don't need.
const DeploymentsPage = lazy(() => import('./deployments/deployments-page.tsx'));
const TracePage = lazy(() => import('./deployments/trace-page.tsx'));
const ReasonsPage = lazy(() => import('./reasons/reasons-page.tsx'));

export function Pages() {
  return (
    <Suspense fallback={<Awaited error={null} what="the page" />}>
      <Switch>
        <Route path="/" component={PipedsPage} />
        <Route path="/pipeds/register" component={RegisterPage} />
        <Route path="/pipeds/:project/:piped">
          {({ project, piped }) => <PipedPage key={`${project}/${piped}`} project={project} piped={piped} />}
        </Route>
        <Route path="/projects" component={ProjectsPage} />
        <Route path="/audit" component={AuditPage} />
        <Route path="/tokens" component={TokensPage} />
        <Route path="/settings" component={SettingsPage} />
        <Route path="/reasons">{() => <ReasonsPage />}</Route>
        <Route path="/reasons/:reason">{({ reason }) => <ReasonsPage key={reason} reason={reason} />}</Route>
        <Route path="/deployments" component={DeploymentsPage} />
        <Route path="/deployments/:traceId">{({ traceId }) => <TracePage traceId={traceId} />}</Route>
        <Route>
          <Page title="There is nothing here">The address leads to no page.</Page>
        </Route>
      </Switch>
    </Suspense>
  );
}
