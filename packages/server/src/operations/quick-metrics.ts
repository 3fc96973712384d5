import {
  Counter,
  type CounterConfiguration,
  type HistogramConfiguration,
  type Metric,
  type Registry,
} from 'prom-client';

interface Count {
  count: number;
}

/**
 * Counters that cost an addition each: what is counted is found by the caller, once per set of labels, and told to
 * prom-client when somebody asks. prom-client itself sorts and joins the labels of each increment.
 */
export class QuickCounter<Label extends string> {
  readonly #counts: { readonly labels: Readonly<Record<Label, string>>; readonly count: Count }[] = [];

  constructor(configuration: Omit<CounterConfiguration<Label>, 'collect'>) {
    const counts = this.#counts;
    new Counter<Label>({
      ...configuration,
      collect() {
        this.reset();
        for (const { labels, count } of counts) this.inc(labels, count.count);
      },
    });
  }

  /** Where to count for these labels: `count++`. To be asked for once, and kept. */
  countFor(labels: Readonly<Record<Label, string>>): Count {
    const count = { count: 0 };
    this.#counts.push({ labels, count });
    return count;
  }
}

/** A histogram without labels, kept in plain numbers. */
export class QuickHistogram {
  readonly #bounds: Float64Array;
  readonly #counts: Float64Array;
  #sum = 0;

  /** Registers itself under its name. */
  constructor(
    registry: Registry,
    { name, help, buckets }: Required<Pick<HistogramConfiguration<never>, 'name' | 'help' | 'buckets'>>,
  ) {
    this.#bounds = Float64Array.from(buckets);
    this.#counts = new Float64Array(buckets.length + 1);
    const get = async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: this.#values(name) });
    // All that a registry asks of a metric.
    registry.registerMetric({ name, help, get } as unknown as Metric);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at++;
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#sum += value;
  }

  #values(name: string) {
    let count = 0;
    const buckets = Array.from(this.#counts, (observed, at) => {
      count += observed;
      return { labels: { le: this.#bounds[at] ?? '+Inf' }, value: count, metricName: `${name}_bucket` };
    });
    const total = { labels: {}, value: this.#sum, metricName: `${name}_sum` };
    return [...buckets, total, { labels: {}, value: count, metricName: `${name}_count` }];
  }
}
