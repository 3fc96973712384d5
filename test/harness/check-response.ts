import { type Field, message } from './protobuf.ts';

/** CheckResponse and what it is made of (envoy/service/auth/v3/external_auth.proto), for answers no correct server would give. */
export function okResponse(headers: Readonly<Record<string, string>>): Uint8Array {
  return message(
    [1, message([1, 0])],
    [3, message(...Object.entries(headers).map(([key, value]): Field => [2, headerOption(key, value)]))],
  );
}

/** Status code alone, neither ok_response nor denied_response. */
export function bareStatus(code: number): Uint8Array {
  return message([1, message([1, code])]);
}

/** The status says yes, the rest says no. */
export function okWithDenial(httpStatus: number): Uint8Array {
  return message([1, message([1, 0])], [2, message([1, message([1, httpStatus])])]);
}

/** With a reason in the dynamic metadata, as our server gives it. */
export function deniedResponse(grpcCode: number, httpStatus: number, body: string, reason?: string): Uint8Array {
  const denied: Field[] = [
    [1, message([1, grpcCode])],
    [2, message([1, message([1, httpStatus])], [3, body])],
  ];
  return message(...denied, ...(reason === undefined ? [] : [[4, struct('reason', reason)] as const]));
}

/** google.protobuf.Struct of one string. */
function struct(key: string, value: string): Uint8Array {
  return message([1, message([1, key], [2, message([3, value])])]);
}

/** HeaderValueOption with OVERWRITE_IF_EXISTS_OR_ADD. */
function headerOption(key: string, value: string): Uint8Array {
  return message([1, message([1, key], [2, value])], [3, 2]);
}
