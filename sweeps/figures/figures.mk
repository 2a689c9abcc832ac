# The report's figures, one target each; README.md beside this file says what they show.
.PHONY: figure1 figure2 figure3 figure4 figure5

# The sample's are small and short, for minutes on two cores; SICE's are as large and as long as the report's.
STEPS := $(if $(SICE_ROOT),10000,1500)
FIGURES := runs/figures/$(if $(SICE_ROOT),sice,sample)
FIGURE_DATA := $(if $(SICE_ROOT),data=sice data/split=scene data.split.test_fraction=0.2,data=sample data.size=48)
FIGURE_RUN := $(FIGURE_DATA) logger=csv callbacks.samples.count=5 callbacks.samples.longest=256
LONG_RUN := $(FIGURE_RUN) trainer.max_steps=$(STEPS) every_n_steps=$(shell expr $(STEPS) / 5) \
	callbacks.validation.every_n_steps=$(shell expr $(STEPS) / 20)
WEIGHTS := $(FIGURES)/four_weights
REPORT := $(FIGURES)/$(STEPS)_steps/report_code/0
ADAPTIVE := $(FIGURES)/$(STEPS)_steps/adaptive/0
LAST := $(REPORT)/samples/step-*$(STEPS) $(ADAPTIVE)/samples/step-*$(STEPS)
SHEET := $(BIN)/python sweeps/figures/steps.py

# $(call train,FOLDER,OVERRIDES) trains in a folder, or continues what was stopped there, and marks its end.
train = $(BIN)/python -m zero_dce.train \
	$(if $(wildcard $(1)/sweep.json $(1)/checkpoints/*.ckpt),resume=$(1),$(2)) && touch $(1)/.trained

$(WEIGHTS)/.trained: | $(READY)
	$(call train,$(@D),+sweep=report_figure1 $(FIGURE_RUN) every_n_steps=300 hydra.sweep.dir=$(@D))

$(REPORT)/.trained: | $(READY)
	$(call train,$(@D),loss=report_code $(LONG_RUN) hydra.run.dir=$(@D))

$(ADAPTIVE)/.trained: | $(READY)
	$(call train,$(@D),experiment=adaptive $(LONG_RUN) hydra.run.dir=$(@D))

figure1: $(WEIGHTS)/.trained
	$(SHEET) $(FIGURES)/figure1.png $(WEIGHTS)/[0-3]/samples/step-000300

figure2: $(REPORT)/.trained
	$(BIN)/python sweeps/curves.py $(REPORT) $(FIGURES)/figure2.png

figure3: $(REPORT)/.trained $(ADAPTIVE)/.trained
	$(SHEET) $(FIGURES)/figure3.png $(LAST)

figure4: $(REPORT)/.trained $(ADAPTIVE)/.trained
	$(SHEET) $(FIGURES)/figure4.png $(LAST) --curves

# Without the pictures of step 0.
figure5: $(REPORT)/.trained $(ADAPTIVE)/.trained
	$(SHEET) $(FIGURES)/figure5.png $(REPORT)/samples/step-*[1-9]* $(ADAPTIVE)/samples/step-*$(STEPS)
