import type { Http2Server, ServerHttp2Session } from 'node:http2';

export interface ConnectionLimits {
  /** How long a connection lives, give or take a tenth, in milliseconds. */
  readonly maxAgeMs: number;
  /** How long calls under way may then still take, in milliseconds. */
  readonly ageGraceMs: number;
  /** How often a silent peer is asked whether it is still there, in milliseconds. */
  readonly keepaliveMs: number;
  /** How long its answer may take, in milliseconds. */
  readonly keepaliveTimeoutMs: number;
}

/** Knows the connections of a server, ends each of them with its age, and all of them when the server stops. */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(server: Http2Server, limits: ConnectionLimits) {
    this.#limits = limits;
    server.on('session', session => this.#take(session));
  }

  /** Says goodbye to all; resolves when all are gone, at the latest after `timeoutMs`. */
  async drain(timeoutMs: number): Promise<void> {
    const gone = [...this.#sessions].map(session => new Promise(resolve => session.once('close', resolve)));
    for (const session of this.#sessions) sayGoodbye(session);
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, timeoutMs);
    await Promise.all(gone);
    clearTimeout(timer);
  }

  #take(session: ServerHttp2Session): void {
    const { maxAgeMs, ageGraceMs, keepaliveMs, keepaliveTimeoutMs } = this.#limits;
    this.#sessions.add(session);
    let grace: NodeJS.Timeout | undefined;
    let silence: NodeJS.Timeout | undefined;
    const age = setTimeout(
      () => {
        sayGoodbye(session);
        grace = setTimeout(() => session.destroy(), ageGraceMs);
      },
      maxAgeMs * (0.9 + Math.random() * 0.2),
    );
    const keepalive = setInterval(() => {
      if (silence !== undefined || session.destroyed) return;
      silence = setTimeout(() => session.destroy(), keepaliveTimeoutMs);
      ping(session, () => {
        clearTimeout(silence);
        silence = undefined;
      });
    }, keepaliveMs);
    // A peer's mistake ends its connection, and nothing else.
    session.on('error', () => {});
    session.once('close', () => {
      this.#sessions.delete(session);
      clearTimeout(age);
      clearTimeout(grace);
      clearTimeout(silence);
      clearInterval(keepalive);
    });
  }
}

/** As grpc-js does: calls under way go on, and one that crosses the goodbye is refused unseen, to be made elsewhere. */
function sayGoodbye(session: ServerHttp2Session): void {
  if (!session.destroyed) session.close();
}

function ping(session: ServerHttp2Session, answered: () => void): void {
  const sent = !session.destroyed && session.ping(error => (error ? undefined : answered()));
  if (!sent) answered();
}
