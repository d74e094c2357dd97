// Of texts in characters. Generated from the schemas by `make generate`.
export const MAX_TITLE = 500;
export const MAX_NAME = 200;
export const MAX_MESSAGE = 1000;
export const MAX_TEXT = 2000;
export const MAX_EVENT_BYTES = 8192;
