import {
  type CallCredentials,
  ChannelCredentials,
  type ChannelOptions,
  credentials,
  type experimental,
} from '@grpc/grpc-js';
import type { PlaintextTransport, TlsTransport } from './contract.ts';
import type { ClientError } from './errors.ts';
import { type GrpcUri, staysOnLoopback } from './grpc-target.ts';
import { plaintextRefused } from './loopback.ts';

/**
 * Each call makes a TLS context and call credentials of its own, and grpc-js compares both by identity. So no two
 * clients ever share a connection, though it pools connections by equality.
 */
export function tlsCredentials(own: CallCredentials, transport: TlsTransport): ChannelCredentials {
  const { rootCerts, privateKey, certChain, verifyOptions } = transport;
  const channel = credentials.createSsl(rootCerts, privateKey, certChain, verifyOptions);
  return credentials.combineChannelCredentials(channel, own);
}

/** grpc-js refuses to combine call credentials with an insecure channel. Here they are allowed, on loopback. */
export class PlaintextCredentials extends ChannelCredentials {
  readonly #own: CallCredentials;
  readonly #allowPlaintext: boolean;
  readonly #insecure = credentials.createInsecure();

  constructor(own: CallCredentials, transport: PlaintextTransport) {
    super();
    this.#own = own;
    this.#allowPlaintext = transport.allowPlaintext === true;
  }

  override _isSecure(): boolean {
    return false;
  }

  /** Connections are pooled by this, and carry the credentials of whoever made them. */
  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(
    target: GrpcUri,
    options: ChannelOptions,
    more?: CallCredentials,
  ): experimental.SecureConnector {
    const all = more ? this.#own.compose(more) : this.#own;
    const connector = this.#insecure._createSecureConnector(target, options, all);
    if (this.#allowPlaintext || staysOnLoopback(target, options)) return connector;
    return new RefusingConnector(all, plaintextRefused(describe(target, options), 'use TLS'));
  }
}

/**
 * Refuses before the first byte is sent. It can't throw: grpc-js makes connectors in its own callbacks, where an
 * exception would end the process. So the connection fails, and each call with it, as UNAVAILABLE and with the reason.
 */
class RefusingConnector implements experimental.SecureConnector {
  readonly #callCredentials: CallCredentials;
  readonly #reason: ClientError;

  constructor(callCredentials: CallCredentials, reason: ClientError) {
    this.#callCredentials = callCredentials;
    this.#reason = reason;
  }

  waitForReady(): Promise<never> {
    return Promise.reject(this.#reason);
  }

  connect(): Promise<never> {
    return Promise.reject(this.#reason);
  }

  getCallCredentials(): CallCredentials {
    return this.#callCredentials;
  }

  destroy(): void {}
}

function describe(target: GrpcUri, options: ChannelOptions): string {
  const end = options['grpc.http_connect_target'];
  return end === undefined ? target.path : `${end} by way of the proxy ${target.path}`;
}
