import type { Principal, Server } from './contract.ts';

/** A server whose rules can be replaced while it answers. */
export interface SwitchableServer<Rules extends Server = Server> extends Server {
  /** The one that is asked now. */
  readonly current: Rules;
  /**
   * From now on this one is asked. Resolves when each check that the former one took is answered: then nothing is
   * answered by its rules any more.
   */
  switchTo(next: Rules): Promise<void>;
}

interface Generation<Rules extends Server> {
  readonly server: Rules;
  underWay: number;
  idle: (() => void) | undefined;
}

/** A check is answered by the rules of the moment at which it came, from its beginning to its end. */
export function switchableServer<Rules extends Server>(first: Rules): SwitchableServer<Rules> {
  let current = generationOf(first);
  return {
    get current() {
      return current.server;
    },
    authenticate(request, signal) {
      const generation = current;
      const answer = generation.server.authenticate(request, signal);
      return answer instanceof Promise ? counted(generation, answer) : answer;
    },
    switchTo(next) {
      const former = current;
      current = generationOf(next);
      if (former.underWay === 0) return Promise.resolve();
      return new Promise(resolve => {
        former.idle = resolve;
      });
    },
  };
}

function generationOf<Rules extends Server>(server: Rules): Generation<Rules> {
  return { server, underWay: 0, idle: undefined };
}

async function counted(generation: Generation<Server>, answer: Promise<Principal>): Promise<Principal> {
  generation.underWay++;
  try {
    return await answer;
  } finally {
    generation.underWay--;
    if (generation.underWay === 0) generation.idle?.();
  }
}
