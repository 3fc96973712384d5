import { signals } from '../gateway-config/signals.ts';

/** The signals that the built-in receiver takes: all but profiles, whose format is still being made. */
export type OtlpSignal = Exclude<(typeof signals)[number]['name'], 'profiles'>;

export interface SignalOnTheWire {
  readonly name: OtlpSignal;
  readonly grpcPath: string;
  readonly httpPath: string;
}

export const OTLP_SIGNALS: readonly SignalOnTheWire[] = signals.filter(
  (signal): signal is Exclude<(typeof signals)[number], { name: 'profiles' }> => signal.name !== 'profiles',
);

/** How a body is written: OTLP's binary protobuf, or its JSON. */
export type Encoding = 'protobuf' | 'json';
