import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  readonly registry: Registry;
  /** A usage report of an auth server: entries that were taken, and those that it says it had to drop. */
  reported(entries: { taken: number; dropped: number }): void;
  observe(request: { method: string; route: string; status: number; seconds: number }): void;
}

/** Metrics of one control plane; labels are taken from its own routes, never from what a caller sent. */
export function createMetrics(state: { followers(): number; revision(): number; databaseUp(): boolean }): Metrics {
  const registry = new Registry();
  const labelNames = ['method', 'route', 'status'];
  const requests = new Counter({
    name: 'spanpass_control_plane_requests_total',
    help: 'Requests answered.',
    labelNames,
    registers: [registry],
  });
  const durations = new Histogram({
    name: 'spanpass_control_plane_request_seconds',
    help: 'Time from a request to its answer.',
    labelNames: ['method', 'route'],
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [registry],
  });
  const reported = new Counter({
    name: 'spanpass_control_plane_usage_reported_total',
    help: 'What auth servers reported of the use of keys and of refusals, and what they had to drop.',
    labelNames: ['result'],
    registers: [registry],
  });
  gauge('spanpass_control_plane_followers', 'Connected followers of the change feed.', state.followers);
  gauge('spanpass_control_plane_revision', 'The newest revision that followers were told.', state.revision);
  gauge('spanpass_control_plane_database_up', '1 if the database answered lately.', () => Number(state.databaseUp()));

  function gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  }

  return {
    registry,
    reported({ taken, dropped }) {
      reported.inc({ result: 'taken' }, taken);
      reported.inc({ result: 'dropped' }, dropped);
    },
    observe({ method, route, status, seconds }) {
      requests.inc({ method, route, status });
      durations.observe({ method, route }, seconds);
    },
  };
}
