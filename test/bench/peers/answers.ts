import { message } from '../../harness/protobuf.ts';

/** An allow with the identity of the piped of the bench, as an ext_authz server gives it. */
export function allowed(): Buffer {
  const header = (key: string, value: string) => message([1, message([1, key], [2, value])], [3, 2]);
  return Buffer.from(
    message(
      [1, message([1, 0])],
      [
        3,
        message(
          [2, header('x-spanpass-project', 'shop')],
          [2, header('x-spanpass-piped', 'edge-1')],
          [5, 'authorization'],
        ),
      ],
    ),
  );
}
