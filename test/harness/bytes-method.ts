const asTheyAre = (bytes: Buffer) => bytes;

/** A unary method of a grpc-js server that is given bytes, and answers with bytes. */
export function bytesMethod(path: string) {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: asTheyAre,
    requestDeserialize: asTheyAre,
    responseSerialize: asTheyAre,
    responseDeserialize: asTheyAre,
  };
}
