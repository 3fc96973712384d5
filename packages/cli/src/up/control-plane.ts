/** The control plane on its embedded database, in this process. */
export interface EmbeddedControlPlane extends AsyncDisposable {
  readonly url: string;
  /** Secret. */
  readonly adminToken: string;
  /** Secret. */
  readonly authServerToken: string;
}

/** Not there yet. */
export function startEmbeddedControlPlane(_env: NodeJS.ProcessEnv) {
  return async (_options: { dataDir: string; host: string; port: number }): Promise<EmbeddedControlPlane> => {
    throw new Error('the control plane is not there yet');
  };
}
