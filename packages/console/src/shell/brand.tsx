export function Brand() {
  return (
    <a href="#/" className="brand">
      <img src="/favicon.svg" width="26" height="26" alt="" />
      spanpass
    </a>
  );
}
