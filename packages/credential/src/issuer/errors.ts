/** An issuer did not give an answer that can be used, or its keys can't be told now. The message holds nothing that it wrote. */
export class IssuerError extends Error {
  override readonly name = 'IssuerError';
}
