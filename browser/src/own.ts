/** A property of the document itself. `<img name="title">` in a page would otherwise stand in for `document.title`. */
export const ofDocument = <Name extends keyof Document>(name: Name): Document[Name] =>
  Reflect.get(Document.prototype, name, document);
