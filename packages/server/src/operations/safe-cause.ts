/** Long runs of base64url or hex: tokens, keys, secrets. */
const SECRET_LOOKING = /[A-Za-z0-9_+/=-]{20,}/g;
const MAX_MESSAGE_LENGTH = 200;
const MAX_FRAMES = 5;

/** What of an error's cause may be logged: JSON.parse and others quote their input in the message. */
export interface SafeCause {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: readonly string[];
}

/** Describes whatever was thrown without anything in it that looks like a credential, key or token. */
export function safeCause(thrown: unknown): SafeCause | undefined {
  if (thrown === undefined) return undefined;
  if (!(thrown instanceof Error)) return { name: typeof thrown, message: '' };
  const code: unknown = (thrown as NodeJS.ErrnoException).code;
  const frames = thrown.stack?.match(/^ {4}at .*$/gm)?.slice(0, MAX_FRAMES);
  return {
    name: redact(thrown.name),
    message: redact(thrown.message),
    ...(typeof code === 'string' && { code: redact(code) }),
    ...(frames && { stack: frames.map(frame => frame.trim().replace(/\(?(file:\/\/|\/)[^()]*\//, '(')) }),
  };
}

function redact(text: string): string {
  return text.replace(SECRET_LOOKING, '…').slice(0, MAX_MESSAGE_LENGTH);
}
