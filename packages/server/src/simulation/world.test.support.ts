import type { Server } from '../contract.ts';
import { NOW_SECONDS, requestWith } from '../fixture.test.support.ts';
import { AuthenticationError } from '../refusals.ts';
import type { FleetKey } from './fleet.test.support.ts';
import { KEYS_EACH, type Operation, SERVERS } from './operations.test.support.ts';
import { type Question, rightAnswers } from './oracle.test.support.ts';
import { createRandom } from './random.test.support.ts';
import { Registry } from './registry.test.support.ts';
import {
  LOST_AFTER_MS,
  links,
  MAX_STALE_MS,
  type SimulatedServer,
  startSimulatedServer,
} from './server.test.support.ts';

const STALL_MS = 1000;
const TICK_MS = 500;
const HEARTBEAT_MS = 1000;
/** A feed that is well brings a heartbeat within this, delays included. */
const HEALTHY_MS = 2000;

/** A check may wait for a lookup that another one began in worse times. */
const JOINED_LOOKUP_MS = 3000;

export interface Counts {
  checks: number;
  allowed: number;
  unsure: number;
}

/** A right answer is expected and another was given: what happened, for the one who has to find out why. */
export class WrongAnswer extends Error {}

/** Several servers, their control plane, and the time that passes for all of them. */
export class World {
  readonly counts: Counts = { checks: 0, allowed: 0, unsure: 0 };
  readonly #fleet: readonly FleetKey[];
  readonly #random;
  readonly #registry = new Registry(() => this.#now);
  readonly #servers: SimulatedServer[] = [];
  readonly #events: { readonly at: number; readonly run: () => void }[] = [];
  #pendingChecks = 0;
  #now = 0;

  constructor(fleet: readonly FleetKey[], seed: number) {
    this.#fleet = fleet;
    this.#random = createRandom(seed ^ 0x5eed);
    for (let at = 0; at < fleet.length; at += KEYS_EACH) this.#registry.register(fleet[at] as FleetKey);
    const world = {
      registry: this.#registry,
      random: this.#random,
      now: () => this.#now,
      after: (ms: number, event: () => void) => this.#after(ms, event),
    };
    for (let at = 0; at < SERVERS; at++) {
      const server = startSimulatedServer(at, world);
      this.#servers.push(server);
      this.#every(TICK_MS, () => {
        if (server.stopped === undefined) server.tick();
      });
    }
    this.#registry.onChange = () => {
      for (const { link } of this.#servers) link.publish();
    };
    this.#every(HEARTBEAT_MS, () => {
      for (const { link } of this.#servers) link.heartbeat();
    });
  }

  async run(operations: readonly Operation[]): Promise<void> {
    for (const operation of operations) {
      await this.#do(operation);
      await this.#settle();
      if (this.#failure) throw this.#failure;
    }
    await this.#comeToRest();
  }

  async dispose(): Promise<void> {
    for (const { keys } of this.#servers) await keys[Symbol.asyncDispose]();
    links.clear();
  }

  /** All is mended: soon every server must know everything, and say so. */
  async #comeToRest(): Promise<void> {
    for (const server of this.#servers) {
      this.#resume(server);
      server.link.copyLagMs = 0;
      server.link.mend();
    }
    await this.pass(10_000);
    for (const server of this.#servers) {
      if (server.toldRevision !== this.#registry.current.revision) throw new WrongAnswer('a server was left behind');
      server.troubleAt = 0;
      for (const key of this.#fleet) this.#check(server, { key, token: key.tokens[0] as never, path: '/v1/traces' });
    }
    await this.#settle();
    await this.pass(500);
    if (this.#failure) throw this.#failure;
  }

  #do(operation: Operation): Promise<void> | void {
    const registry = this.#registry;
    const keyOf = (at: number) => this.#fleet[at] as FleetKey;
    const server = 'server' in operation ? (this.#servers[operation.server] as SimulatedServer) : undefined;
    const { project = '', piped = '' } = 'piped' in operation ? keyOf(operation.piped * KEYS_EACH) : {};
    switch (operation.do) {
      case 'check': {
        const key = keyOf(operation.key);
        const token = key.tokens[operation.token];
        if (server && token) this.#check(server, { key, token, path: operation.path });
        return;
      }
      case 'check-all': {
        const key = keyOf(operation.key);
        const token = key.tokens[operation.token];
        for (const each of this.#servers) if (token) this.#check(each, { key, token, path: '/v1/traces' });
        return;
      }
      case 'revoke':
        return registry.changeKey(keyOf(operation.key).kid, () => ({ keyStatus: 'revoked' }));
      case 'retire':
        return registry.changeKey(keyOf(operation.key).kid, ({ keyStatus }) => ({
          keyStatus: keyStatus === 'active' ? 'retired' : keyStatus,
        }));
      case 'shorten':
        return registry.changeKey(keyOf(operation.key).kid, () => ({
          notAfter: NOW_SECONDS + Math.floor(this.#now / 1000) + 5,
        }));
      case 'renew': {
        const registered = registry.current.records;
        const next = this.#fleet.slice(operation.piped * KEYS_EACH).find(({ kid }) => !registered.has(kid));
        if (next?.piped === piped) registry.register(next);
        return;
      }
      case 'disable-piped':
        return registry.changePiped(project, piped, { pipedStatus: 'disabled' });
      case 'enable-piped':
        return registry.changePiped(project, piped, { pipedStatus: 'active' });
      case 'scopes':
        return registry.changePiped(project, piped, { scopes: operation.scopes });
      case 'disable-project':
        return registry.changeProject(`project-${operation.project}`, 'disabled');
      case 'enable-project':
        return registry.changeProject(`project-${operation.project}`, 'active');
      case 'cut':
        return server?.link.cut();
      case 'freeze':
        return server?.link.freeze();
      case 'mend':
        return server?.link.mend();
      case 'compact':
        registry.compactedUpTo = registry.current.revision;
        return;
      case 'copy-lags':
        for (const { link } of this.#servers) link.copyLagMs = operation.on ? 1500 : 0;
        return;
      case 'wait':
        return this.pass(operation.ms);
      case 'stall':
      case 'suspend':
        if (server) this.#stop(server, operation.do === 'stall' ? 'stalled' : 'suspended', operation.ms);
        return;
      case 'set-clock':
        if (server === undefined || server.stopped) return;
        server.clockOffsetMs += operation.ms;
        if (operation.ms > 0) server.imaginedSilenceMs += operation.ms;
        server.troubleAt = this.#now;
        // Its timers run far more often than here: a clock that is set and a suspension are never one to it.
        server.tick();
        return;
    }
  }

  #stop(server: SimulatedServer, how: 'stalled' | 'suspended', ms: number): void {
    if (server.stopped !== undefined) return;
    server.stopped = how;
    server.stoppedAt = this.#now;
    server.link.serverStopped = true;
    this.#after(ms, () => this.#resume(server));
  }

  #resume(server: SimulatedServer): void {
    if (server.stopped === undefined) return;
    const forMs = this.#now - server.stoppedAt;
    if (server.stopped === 'suspended') server.suspendedMs += forMs;
    server.stopped = undefined;
    server.link.serverStopped = false;
    server.troubleAt = this.#now;
    if (forMs > STALL_MS && server.everLive) {
      server.mustCatchUp = { since: this.#now };
    }
    // Whether its timers, its sockets or a check come first is nobody's to say.
    if (this.#random.next() < 0.5) server.link.read();
    else this.#after(this.#random.below(TICK_MS), () => server.link.read());
  }

  #check(server: SimulatedServer, question: Question): void {
    if (server.stopped !== undefined) return;
    const request = requestWith(`Bearer ${question.token.text}`, { path: question.path });
    const asked = { at: this.#now, wallMs: this.#wallMs(server) };
    const answers: { readonly at: number; readonly answer: string }[] = [];
    for (const [name, of] of [
      ['remembering', server.remembering],
      ['forgetting', server.forgetting],
    ] as const) {
      this.#pendingChecks++;
      void answerOf(of, request).then(answer => {
        this.#pendingChecks--;
        this.#judge(server, question, asked, `${name} server`, answer);
        answers.push({ at: this.#now, answer });
        const [first, second] = answers;
        if (first && second && first.at === second.at && first.answer !== second.answer) {
          this.#fail(`the remembering server and the forgetting one differ: ${first.answer}, ${second.answer}`);
        }
      });
    }
  }

  #judge(
    server: SimulatedServer,
    question: Question,
    asked: { readonly at: number; readonly wallMs: number },
    who: string,
    answer: string,
  ): void {
    const silentMs = this.#now - server.heardAt;
    const { mustCatchUp } = server;
    // A new connection that says nothing counts as lost as well; a lookup may read from a copy that lags behind.
    const catching = mustCatchUp !== undefined && this.#now - mustCatchUp.since <= LOST_AFTER_MS;
    const unwell =
      server.troubleAt >= asked.at - JOINED_LOOKUP_MS ||
      server.link.state !== 'up' ||
      server.link.copyLagMs > 0 ||
      !server.everLive ||
      silentMs + server.imaginedSilenceMs > HEALTHY_MS;
    const right = rightAnswers(this.#registry.history, question, {
      revision: Math.max(
        server.toldRevision,
        catching ? this.#registry.at(mustCatchUp.since - server.link.copyLagMs).revision : 0,
      ),
      notBefore: this.#now - MAX_STALE_MS,
      wallMs: [asked.wallMs, this.#wallMs(server)],
      mayBeUnsure: unwell,
      mustBeUnsure: silentMs > MAX_STALE_MS && asked.at === this.#now,
    });
    this.counts.checks++;
    if (answer.startsWith('allowed')) this.counts.allowed++;
    if (answer === 'key_source_unavailable') this.counts.unsure++;
    if (right.has(answer)) return;
    this.#fail(
      `${who} ${this.#servers.indexOf(server)} at ${this.#now} ms, asked at ${asked.at}: ${answer}, ` +
        `but right is ${[...right].join(' or ')} for key ${this.#fleet.indexOf(question.key)}, ` +
        `token ${question.key.tokens.indexOf(question.token)}, ${question.path}; it was told revision ` +
        `${server.toldRevision} of ${this.#registry.current.revision}, last heard ${silentMs} ms ago, feed ${server.keys.freshness}`,
    );
  }

  #failure: WrongAnswer | undefined;
  #fail(message: string): void {
    this.#failure ??= new WrongAnswer(message);
  }

  #wallMs(server: SimulatedServer): number {
    return NOW_SECONDS * 1000 + this.#now + server.clockOffsetMs;
  }

  /** Time passes, and what is due happens, one thing after another. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#events[0];
      if (next === undefined || next.at > end) break;
      this.#events.shift();
      this.#now = next.at;
      next.run();
      await this.#settle();
      if (this.#failure) throw this.#failure;
    }
    this.#now = end;
  }

  #after(ms: number, run: () => void): void {
    const event = { at: this.#now + ms, run };
    let place = this.#events.length;
    while (place > 0 && (this.#events[place - 1] as typeof event).at > event.at) place--;
    this.#events.splice(place, 0, event);
  }

  #every(ms: number, run: () => void): void {
    this.#after(ms, () => {
      run();
      this.#every(ms, run);
    });
  }

  /** Everything that can happen without time passing has happened. */
  async #settle(): Promise<void> {
    if (this.#pendingChecks > 0) await new Promise(resolve => setImmediate(resolve));
  }
}

async function answerOf(server: Server, request: ReturnType<typeof requestWith>): Promise<string> {
  try {
    const { project, piped } = await server.authenticate(request);
    return `allowed ${project}/${piped}`;
  } catch (error) {
    return error instanceof AuthenticationError ? error.code : String(error);
  }
}
