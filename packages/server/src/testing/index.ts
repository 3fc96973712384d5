export {
  type AuthenticatorSuite,
  type AuthenticatorUnderTest,
  authenticatorSuite,
  type TestFramework,
} from './authenticator-suite.ts';
export {
  allowingAuthenticator,
  alwaysAllow,
  alwaysRefuse,
  indifferentAuthenticator,
  refusingAuthenticator,
  SOMEBODY,
} from './doubles.ts';
export { metricsAtRest } from './metrics-at-rest.ts';
