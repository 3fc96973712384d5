import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

/** A metric as an expression asks for it. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly op: string; readonly value: string }[];
}

export interface Query {
  readonly selectors: readonly Selector[];
  /** Labels that something is grouped or joined by. */
  readonly grouping: readonly string[];
}

/** @throws SyntaxError for what is no PromQL */
export function parseQuery(text: string): Query {
  const expression = text.replaceAll('$__rate_interval', '5m');
  const of = (node: SyntaxNode) => expression.slice(node.from, node.to);
  const selectors: Selector[] = [];
  const grouping: string[] = [];
  parser.parse(expression).iterate({
    enter(reference) {
      if (reference.type.isError) throw new SyntaxError(`no PromQL at ${reference.from}: ${expression}`);
      const { node } = reference;
      if (node.name === 'GroupingLabels') grouping.push(...node.getChildren('LabelName').map(of));
      if (node.name !== 'VectorSelector') return;
      const matchers = (node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []).map(matcher => {
        const [label, op, value] = ['LabelName', 'MatchOp', 'StringLiteral'].map(name => matcher.getChild(name));
        if (!label || !op || !value) throw new SyntaxError(`a matcher that is not understood: ${of(matcher)}`);
        return { label: of(label), op: of(op), value: JSON.parse(of(value)) as string };
      });
      const metric = node.getChild('Identifier');
      if (!metric) throw new SyntaxError(`a selector without a metric: ${expression}`);
      selectors.push({ metric: of(metric), matchers });
    },
  });
  return { selectors, grouping };
}
