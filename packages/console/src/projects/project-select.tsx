import { NativeSelect } from '@mantine/core';

/** All projects, or one of these. */
export function ProjectSelect(props: {
  projects: readonly string[];
  value: string;
  onChange: (project: string) => void;
}) {
  return (
    <NativeSelect
      label="Project"
      value={props.value}
      onChange={event => props.onChange(event.currentTarget.value)}
      data={[{ value: '', label: 'All projects' }, ...props.projects]}
    />
  );
}
