/** What `npx ciard` says by itself: a command for each kind of reader. */
export const firstLook = `ciard: adversarial robustness distillation, to run, check and change

  re-run a table    npx ciard table students --out runs/again
  what came out     npx ciard claims        every claim of the paper, with its verdict
  compare runs      npx ciard report --open curves, ablations, images; attack a student in the page
  try a checkpoint  npx ciard import-torch FILE --arch resnet18
                    npx ciard evaluate --model FILE.safetensors --data cifar10
  add a method      notebooks/06-your-own-method.ipynb (npm run lab), README, "Adding to it"
  all commands      npx ciard --help        and npx ciard COMMAND --help
`;
