/** Hands a file over to the browser's downloads. */
export const save = (name: string, content: Blob): void => {
  const link = document.createElement('a');
  const address = URL.createObjectURL(content);
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => {
    URL.revokeObjectURL(address);
  }, 10_000);
};

export const saveText = (name: string, text: string, type = 'text/csv'): void => {
  save(name, new Blob([text], { type: `${type};charset=utf-8` }));
};
