// A component that is drawn again only when its props say something new, or a signal it reads does.

import { Component, type FunctionComponent } from "preact";

export function memo<P extends object>(
  Body: FunctionComponent<P>,
  isSame: (before: P, after: P) => boolean,
) {
  return class Memo extends Component<P> {
    override shouldComponentUpdate(next: P) {
      return !isSame(this.props as P, next);
    }

    override render() {
      return <Body {...(this.props as P)} />;
    }
  };
}
