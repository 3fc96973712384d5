import { Text } from '@mantine/core';
import { useAbout } from '../api/queries.ts';

/** How soon a change counts, and where. */
export function Followers() {
  const { data } = useAbout();
  if (data === undefined) return null;
  const { followers } = data;
  return (
    <Text size="sm">
      {followers === 0
        ? 'No auth server follows this control plane at the moment: each hears of it when it connects again.'
        : `${followers} auth server${followers === 1 ? ' follows' : 's follow'} this control plane, and know${followers === 1 ? 's' : ''} of it within a second.`}
    </Text>
  );
}
