/** Flags that let `spanpass up` take free ports instead of the usual ones. */
export const FREE_PORTS: readonly string[] = [
  '--grpc-port',
  '--http-port',
  '--auth-port',
  '--auth-http-port',
  '--metrics-port',
  '--control-plane-port',
].flatMap(flag => [flag, '0']);
