import type { ChannelCredentials, Interceptor } from '@grpc/grpc-js';
import type { Meter } from '@opentelemetry/api';
import type { Clock } from './clock.ts';
import type { DurableLog } from './log.ts';
import type { SpoolSenderOptions } from './sender/sender-options.ts';
import type { ExportCredentials } from './sender/transport.ts';
import type { SpoolOptions } from './spool/spool-options.ts';

export type OtlpProtocol = 'grpc' | 'http/protobuf';

/** PEM. */
export interface TlsOptions {
  /** Roots that the server's certificate may come from. Default: the system's. */
  readonly ca?: Buffer | undefined;
  /** The client's own, for mutual TLS. */
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

/** What OpenTelemetry's environment variables can say as well; what is given here wins over them. */
export interface ExporterOptions {
  /** Default `grpc`. */
  readonly protocol?: OtlpProtocol | undefined;
  /** Default `http://localhost:4317`, or `http://localhost:4318` for HTTP, to which `/v1/traces` is added. */
  readonly endpoint?: string | undefined;
  /** The whole URL for traces over HTTP, nothing added to it. */
  readonly tracesUrl?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** For one request. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  readonly compression?: 'none' | 'gzip' | undefined;
  readonly tls?: TlsOptions | undefined;
  /** Default 512. */
  readonly maxBatchRecords?: number | undefined;
  /** How long a batch that is not full waits for more. Default 1,000. */
  readonly lingerMs?: number | undefined;
}

export interface DurableExportOptions extends ExporterOptions {
  readonly credentials?: ExportCredentials | undefined;
  /** For gRPC, in place of the one that `endpoint` and `tls` make; may carry call credentials. */
  readonly channelCredentials?: ChannelCredentials | undefined;
  readonly interceptors?: readonly Interceptor[] | undefined;
  /** Lets credentials leave this machine unencrypted. Default false. */
  readonly allowPlaintext?: boolean | undefined;
  readonly spool: Omit<SpoolOptions, 'clock' | 'log'>;
  readonly retry?:
    | Pick<SpoolSenderOptions, 'initialBackoffMs' | 'maxBackoffMs' | 'slowRetryMs' | 'maxServerWaitMs'>
    | undefined;
  readonly maxBatchBytes?: number | undefined;
  readonly maxDeadLetterBytes?: number | undefined;
  readonly flushTimeoutMs?: number | undefined;
  readonly shutdownTimeoutMs?: number | undefined;
  /** Told what is stored, sent and dropped, in the metrics `spanpass.spool.…`. Default: none. */
  readonly meter?: Meter | undefined;
  /** Where OpenTelemetry's variables are read from. Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly clock?: Clock | undefined;
  /** Default: OpenTelemetry's `diag`. */
  readonly log?: DurableLog | undefined;
}
