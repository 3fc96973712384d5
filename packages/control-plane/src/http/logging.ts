import { type DestinationStream, destination, type Logger, pino } from 'pino';
import { rootCause } from '../store/failures.ts';

/**
 * Nothing that is logged here holds headers, bodies or URLs, so these paths should never be met. They are the second
 * line, for whoever adds a log line later.
 */
const SECRET_MEMBERS = [
  'authorization',
  'token',
  'enrollmentToken',
  'adminToken',
  'authServerToken',
  'privateJwk',
  'encryptionKey',
  'client_assertion',
  'access_token',
  'id_token',
  'clientSecret',
  'client_secret',
  'code_verifier',
  'proof',
];
const redact = {
  paths: SECRET_MEMBERS.flatMap(member => [member, `*.${member}`, `*.*.${member}`]),
  censor: '[redacted]',
};

/** A logger that writes one JSON object per line. Default: to standard error, from `info` on. */
export function createLogger(options: { level?: string; destination?: DestinationStream } = {}): Logger {
  const { level = 'info', destination: stream = destination({ fd: 2, sync: false }) } = options;
  return pino({ level, base: { service: 'spanpass-control-plane' } }, stream);
}

/** The same logger, with our redaction whatever its own is. */
export function withRedaction(logger: Logger): Logger {
  return logger.child({}, { redact, serializers: { err: describeError } });
}

/** A driver's errors repeat statements and parameters in their outer layers and details: only the innermost is shown. */
export function describeError(error: unknown): Record<string, unknown> {
  const cause = rootCause(error);
  if (!(cause instanceof Error)) return { message: 'not an error' };
  const { code } = cause as { code?: unknown };
  const frames = cause.stack
    ?.split('\n')
    .filter(line => line.startsWith('    at '))
    .slice(0, 12);
  return {
    type: cause.name,
    ...(typeof code === 'string' && { code }),
    message: cause.message.split('\n')[0]?.slice(0, 300),
    stack: frames?.join('\n'),
  };
}
