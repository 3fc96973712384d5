import type { Principal, Server } from './contract.ts';

/** A server whose rules can be replaced while it answers. */
export interface SwitchableServer extends Server {
  /**
   * From now on this one is asked. Resolves when each check that the former one took is answered: then nothing is
   * answered by its rules any more.
   */
  switchTo(next: Server): Promise<void>;
}

interface Generation {
  readonly server: Server;
  underWay: number;
  idle: (() => void) | undefined;
}

/** A check is answered by the rules of the moment at which it came, from its beginning to its end. */
export function switchableServer(first: Server): SwitchableServer {
  let current: Generation = generationOf(first);
  return {
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

function generationOf(server: Server): Generation {
  return { server, underWay: 0, idle: undefined };
}

async function counted(generation: Generation, answer: Promise<Principal>): Promise<Principal> {
  generation.underWay++;
  try {
    return await answer;
  } finally {
    generation.underWay--;
    if (generation.underWay === 0) generation.idle?.();
  }
}
