"""Recipe of models/guard-*: `make train DATA=FOLDER` from labelled texts to signed-off model folders.

data      rows and their labels, from the folder and from our own templates in texts/
splits    what is never trained on
heads     what the model says
net       the network             training   batches, loss, checkpoints
ngrams_fit   stage 0              export     ONNX and int8, by optimum
calibrate    probabilities, thresholds, fusion      card   what it is good for, and what not
"""
