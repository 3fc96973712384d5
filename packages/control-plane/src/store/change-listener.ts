import pg from 'pg';

export interface ChangeListenerOptions {
  readonly url: string;
  /** Called when another replica may have written, and when nobody listened for a while. */
  readonly onWritten: () => void;
  /** Called when the connection is lost, with the error if there is one. It is made anew. */
  readonly onLost: (error: unknown) => void;
}

/** Of the database: replicas that share it hear each other, and no others. */
export const CHANNEL = 'spanpass_changes';
export const LISTENER_APPLICATION = 'spanpass-control-plane-listener';

const CONNECT_TIMEOUT_MS = 5000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5000;

/**
 * Listens for what other replicas write (PostgreSQL's LISTEN), on a connection of its own that is made anew for as long
 * as it takes. It is a way to be early, and nothing to rely on: a connection that has silently gone, and a pooler that
 * does not pass notifications on, are made good by polling.
 */
export class ChangeListener {
  readonly #options: ChangeListenerOptions;
  #client: pg.Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #closed = false;

  constructor(options: ChangeListenerOptions) {
    this.#options = options;
    void this.#connect();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#client?.end().catch(() => {});
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#options.url,
      application_name: LISTENER_APPLICATION,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
    });
    this.#client = client;
    let lost = false;
    const lose = (error?: unknown) => {
      if (lost || this.#closed) return;
      lost = true;
      client.end().catch(() => {});
      this.#options.onLost(error);
      this.#timer = setTimeout(() => void this.#connect(), this.#retryMs);
      this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
    };
    client.on('error', lose);
    client.on('end', () => lose());
    client.on('notification', () => this.#options.onWritten());
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
      this.#retryMs = FIRST_RETRY_MS;
      if (this.#closed) await client.end();
      // Whatever was written while nobody listened.
      else this.#options.onWritten();
    } catch (error) {
      lose(error);
    }
  }
}
