import { Anchor, Code, Text } from '@mantine/core';
import { Page } from '../shell/page.tsx';
import { Scroll } from '../shell/scroll.tsx';
// Written from docs/reference/refusals.md, which a test holds it to.
import reasons from './reasons.json';

interface Reason {
  readonly status: number;
  readonly meaning: string;
  readonly advice?: string;
}

const REASONS = Object.entries(reasons as Readonly<Record<string, Reason>>);

/** What the reasons of refusals mean: of one, or of all. */
export default function ReasonsPage({ reason }: { reason?: string }) {
  const found = REASONS.find(([name]) => name === reason);
  if (reason !== undefined) {
    return (
      <Page title={reason}>
        <div className="panel padded">
          {found ? <One {...found[1]} /> : <Text>This console does not know the reason.</Text>}
          <Text size="sm" mt="md">
            <Anchor href="#/reasons">All reasons</Anchor>
          </Text>
        </div>
      </Page>
    );
  }
  return (
    <Page title="Reasons for a refusal">
      <Scroll label="Reasons">
        <table className="long" aria-label="Reasons">
          <thead>
            <tr>
              <th scope="col">Reason</th>
              <th scope="col">What it means, and what to do</th>
            </tr>
          </thead>
          <tbody>
            {REASONS.map(([name, reason]) => (
              <tr key={name}>
                <td>
                  <Code>{name}</Code>
                </td>
                <td>
                  <One {...reason} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Page>
  );
}

function One({ status, meaning, advice }: Reason) {
  return (
    <>
      <Text size="sm">
        {meaning.charAt(0).toUpperCase() + meaning.slice(1)} ({status}).
      </Text>
      {advice && (
        <Text size="sm" c="dimmed">
          {advice.replaceAll('`', '')}
        </Text>
      )}
    </>
  );
}
