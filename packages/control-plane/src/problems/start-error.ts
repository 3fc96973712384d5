/** Why a control plane could not start. */
export type StartErrorCode =
  | 'token_too_short'
  | 'token_malformed'
  | 'tokens_equal'
  | 'token_file_malformed'
  | 'token_file_exposed'
  | 'encryption_key_missing'
  | 'encryption_key_malformed'
  | 'encryption_key_exposed'
  | 'encryption_key_unknown'
  | 'data_dir_unusable'
  | 'data_dir_locked'
  | 'disk_full'
  | 'database_unreachable'
  | 'database_pooled'
  | 'database_failed'
  | 'database_newer'
  | 'move_target_used'
  | 'audit_broken'
  | 'console_unusable'
  | 'port_in_use'
  | 'listen_failed';

/** A control plane could not start. The message is one line that says what to do, and holds no secret. */
export class ControlPlaneStartError extends Error {
  override readonly name = 'ControlPlaneStartError';
  readonly code: StartErrorCode;

  constructor(code: StartErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Puts an errno of the file system into words. */
export function fileError(error: unknown, path: string): ControlPlaneStartError {
  if (error instanceof ControlPlaneStartError) return error;
  const errno = (error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown error';
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    return new ControlPlaneStartError('disk_full', `no space is left to write ${path}: free some, then start again`, {
      cause: error,
    });
  }
  return new ControlPlaneStartError(
    'data_dir_unusable',
    `${path} can't be read and written (${errno}): choose another data directory, or give this user access to it`,
    { cause: error },
  );
}
